"""lava-dl's .net files in and out."""
