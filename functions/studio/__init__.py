"""The page: static files, served by one small handler."""
