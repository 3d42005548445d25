"""Output against water: does a plant give the grid what its water would make?"""
