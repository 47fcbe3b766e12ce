"""Publishing: which generation of a tree is live, and how the next one takes its place."""

__all__: list[str] = []
