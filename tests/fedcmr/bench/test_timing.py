from fedcmr.bench.timing import medians_in_turn


def test_cases_take_turns_and_the_first_turn_is_not_timed() -> None:
    clock, order = [0.0], []

    def case(name: str, durations: list[float]) -> None:
        order.append(name)
        clock[0] += durations.pop(0)

    fast, slow = [9.0, 1.0, 3.0, 2.0], [99.0, 5.0, 5.0, 80.0]
    cases = {"fast": lambda: case("fast", fast), "slow": lambda: case("slow", slow)}
    assert medians_in_turn(cases, 3, clock=lambda: clock[0]) == {"fast": 2.0, "slow": 5.0}
    assert order == ["fast", "slow"] * 4
