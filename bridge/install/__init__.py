"""`call-bridge init`: what a PBX lacks for masked calls is found, planned, shown, written, and can be undone.

`look` reads, `plan` decides, without any I/O, and `journal` writes and undoes.
"""
