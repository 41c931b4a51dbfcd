from labkit.daemonfiles import merged


def test_a_lab_keeps_the_shipped_settings_that_it_says_nothing_about():
    shipped = {"shop": {"name": "Shop"}, "trunk": {"number_format": "e164", "caller_id_number": "1"}}
    assert merged(shipped, {"trunk": {"caller_id_number": "2"}}) == {
        "shop": {"name": "Shop"},
        "trunk": {"number_format": "e164", "caller_id_number": "2"},
    }


def test_a_lab_has_one_source_of_keys_whatever_the_shipped_one_is():
    assert merged({"keys": {"credential": "kek"}}, {"keys": {"file": "/lab/keys"}}) == {
        "keys": {"file": "/lab/keys"}
    }


def test_an_empty_section_is_filled():
    assert merged({"trunk": None}, {"trunk": {"caller_id_number": "2"}}) == {
        "trunk": {"caller_id_number": "2"}
    }
