"""The folder of a run: what keeps checkpoints and reads them, with numpy alone."""

__all__: list[str] = []
