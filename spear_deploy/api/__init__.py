"""What Python users call: load, lower and deploy.  The command line is a thin shell over it."""
