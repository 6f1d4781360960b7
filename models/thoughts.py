"""What a model thinks before it answers is no part of the answer."""

_OPEN, _CLOSE = "<think>", "</think>"


def without_thought(text: str, *, begun: bool) -> str:
    """Cut a thought off the beginning of a text.

    Args:
        text: what a model said.
        begun: whether the prompt already opened the thought.

    Returns:
        What follows the thought, stripped; nothing where the thought does not end.

    """
    before, closed, after = text.partition(_CLOSE)
    if begun or before.lstrip().startswith(_OPEN):
        return after.strip()
    # Without its opening tag: some tokenizers take that for a special token and leave it out.
    return after.strip() if closed and _OPEN not in before else text
