"""AMI, the Asterisk Manager Interface: heard, and never told to do anything but to let us in and to ping.

`connection` imports panoramisk, which is installed only where it is wanted: so nothing here imports it.
"""
