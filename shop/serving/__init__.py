"""The production server: waitress with deadlines, and several worker processes on one socket."""
