"""The pictures of a report and of a sweep: one file each, from report data to a drawing."""
