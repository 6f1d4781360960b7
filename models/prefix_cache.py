"""Keys and values of prompts, computed once, and of what follows them, in tensors of fixed size."""

import torch


class PrefixCache:
    """Keys and values of each layer, in tensors of shape (rows, heads, capacity, width).

    Stands where transformers' layers expect a cache. It hands out views of what is filled, so
    that nothing is copied as the rows grow, and no attention is paid to what is still empty.
    """

    def __init__(self, layers: int, capacity: int) -> None:
        self._keys: list[torch.Tensor | None] = [None] * layers
        self._values: list[torch.Tensor | None] = [None] * layers
        self._capacity = capacity
        self.length = 0

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store a layer's next keys and values, (rows, heads, tokens, width); give all so far."""
        stop = self.length + keys.shape[2]
        return (
            self._stored(self._keys, keys, layer, stop),
            self._stored(self._values, values, layer, stop),
        )

    def advance(self, tokens: int) -> None:
        """Count tokens that every layer has stored."""
        self.length += tokens

    def layers(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Keys and values of each layer, with all the room there is; once something is stored."""
        stored = []
        for keys, values in zip(self._keys, self._values, strict=True):
            assert keys is not None
            assert values is not None
            stored.append((keys, values))
        return stored

    def expand(self, rows: torch.Tensor, capacity: int) -> "PrefixCache":
        """A cache whose row i goes on where row ``rows[i]`` of this one is, with more room."""
        other = PrefixCache(len(self._keys), capacity)
        for layer, (keys, values) in enumerate(self.layers()):
            for tensor, into in ((keys, other._keys), (values, other._values)):
                shape = (len(rows), tensor.shape[1], capacity, tensor.shape[3])
                grown = tensor.new_empty(shape)
                grown[:, :, : self.length] = tensor[rows, :, : self.length]
                into[layer] = grown
        other.length = self.length
        return other

    def _stored(
        self, tensors: list[torch.Tensor | None], new: torch.Tensor, layer: int, stop: int
    ) -> torch.Tensor:
        tensor = tensors[layer]
        if tensor is None:
            if stop == self._capacity:
                tensors[layer] = new
                return new
            rows, heads, _, width = new.shape
            tensor = tensors[layer] = new.new_empty((rows, heads, self._capacity, width))
        tensor[:, :, self.length : stop] = new
        return tensor[:, :, :stop]
