"""What `call-bridge doctor` knows: it reads a PBX's configuration and says what in it would show a number.

`gather` collects the facts, each check in `checks` looks at them and at nothing else, `report` and `patch`
put into words what was found.
"""
