from slipway.images.sealing import sealed

TIME = "2026-03-01T00:00:00Z"


def test_times_of_the_build_go_and_older_ones_stay() -> None:
    configuration = {
        "created": "2026-03-05T10:00:00.123Z",
        "config": {"User": "10001:10001"},
        "history": [
            {"created": "2025-01-01T00:00:00Z", "created_by": "base"},
            {"created": "2026-03-05T10:00:00.123Z", "created_by": "COPY"},
        ],
    }
    result = sealed(configuration, TIME)
    assert result["created"] == TIME
    assert [entry["created"] for entry in result["history"]] == ["2025-01-01T00:00:00Z", TIME]
    assert result["config"] == {"User": "10001:10001"}


def test_two_builds_at_different_times_are_the_same_image() -> None:
    builds = [
        {"created": time, "history": [{"created": time}]}
        for time in ("2026-03-05T10:00:00Z", "2026-03-06T10:00:00Z")
    ]
    assert sealed(builds[0], TIME) == sealed(builds[1], TIME)
