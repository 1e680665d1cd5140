"""The production server: waitress with deadlines, and several processes on one socket."""
