"""Pictures as inline SVG, made on the server: pure functions from numbers to markup, no style attributes, no scripts."""
