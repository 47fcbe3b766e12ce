"""Public parts for tests: contract kit, strategies, misbehaving hosts, starters of real servers."""

__all__: list[str] = []
