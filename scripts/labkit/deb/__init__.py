"""The Debian package: `scripts/build-deb`."""
