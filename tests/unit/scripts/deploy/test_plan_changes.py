"""The summary of a plan's changes."""

from scripts.deploy.plan_changes import Change, changes, summary


def resource_change(
    address: str, *actions: str, before: object = None, after: object = None
) -> dict[str, object]:
    return {"address": address, "change": {"actions": actions, "before": before, "after": after}}


def test_a_summary_counts_and_names_the_changes():
    plan = {
        "resource_changes": [
            resource_change("b.new", "create", after={"name": "x"}),
            resource_change(
                "a.changed", "update", before={"days": 7, "name": "x"}, after={"days": 14, "name": "x"}
            ),
            resource_change("c.replaced", "create", "delete"),
            resource_change("d.gone", "delete"),
            resource_change("e.kept", "no-op"),
            resource_change("data.f.read", "read"),
        ]
    }

    assert summary(changes(plan)).splitlines() == [
        "1 to add, 1 to change, 1 to replace, 1 to destroy:",
        "  ~   a.changed (days)",
        "  +   b.new",
        "  -/+ c.replaced",
        "  -   d.gone",
    ]


def test_the_summary_of_a_plan_without_changes_says_so():
    assert (
        summary(changes({"resource_changes": [resource_change("a.kept", "no-op")]})) == "Nothing to change."
    )


def test_a_change_is_printed_as_one_line():
    assert str(Change("change", "a.b", ("x", "y"))) == "  ~   a.b (x, y)"
