"""What each page says, as plain JSON values: pure functions. A page's template and its JSON twin both show exactly this."""
