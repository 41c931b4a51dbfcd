"""The daemon's API for the web desk, on a socket of its own: whoever asks is somebody who has signed in."""
