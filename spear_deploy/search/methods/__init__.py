"""Search methods: each proposes keep counts and is told what they are worth."""
