"""The call as a pure state machine: events in, commands out.

Nothing here does I/O, knows the time, or has ever seen a phone number. `model` has the words, `events` and
`commands` the two vocabularies, `table` and `callback_table` every transition, `machine` the one function
that applies them.
"""
