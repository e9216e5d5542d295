"""The steps of the house. Each takes the Services it works with and the Principal who acts."""
