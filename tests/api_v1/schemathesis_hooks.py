"""What Schemathesis says where the schema names a format: numbers for fiction, and managers who are there."""

import schemathesis
from hypothesis import strategies as st

NUMBERS = (
    "+447700900123",
    "07700 900123",
    "+44 20 7946 0101",
    "00447700900124",
    "tel:+44-7700-900124",
    "no number",
)

schemathesis.openapi.format("phone", st.sampled_from(NUMBERS))
schemathesis.openapi.format("manager", st.sampled_from(("101", "102", "Anna", "boris", "nobody")))
