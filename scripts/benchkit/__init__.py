"""What scripts/bench is made of: several ways to reach a customer, side by side on one Asterisk.

`site` is the lab, `contenders` the ways, `programs` what some of them run, `peers` both ends of every call.
`blocks`, `ladder`, `crowd` and `growth` measure, `usage` reads what processes use; `results` keeps it all,
`targets` judges, `report` and `plot` show. `timeline` looks into single calls, and `parts` adds them up;
`profile` looks at what the daemon's processor time goes into.
"""
