"""The imperative shell around the pure call: it carries events to calls and commands to the world.

`board` knows every live call and who is who; `live_call` runs one; `admission` asks the rules; `ledger`
writes what became of calls; `tasks` keeps every task.
"""
