"""A whole deployment: named steps from an imported network to a bundle with its report."""
