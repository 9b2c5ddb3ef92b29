"""Gymnasium spaces as plain JSON, so that an agent loads without executing anything."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

Json: TypeAlias = Any


def space_to_json(space: spaces.Space[Any]) -> dict[str, Json]:
    """Describe a space.

    :param space: Box, Discrete, MultiDiscrete, MultiBinary, or a Dict of them
    :return: what :func:`space_from_json` reads; an infinite bound is ``None``
    :raises ValueError: for any other space
    """
    if isinstance(space, spaces.Box):
        return {
            "type": "Box",
            "low": _bound_to_json(space.low),
            "high": _bound_to_json(space.high),
            "shape": list(space.shape),
            "dtype": str(space.dtype),
        }
    if isinstance(space, spaces.Discrete):
        return {"type": "Discrete", "n": int(space.n), "start": int(space.start)}
    if isinstance(space, spaces.MultiDiscrete):
        return {
            "type": "MultiDiscrete",
            "nvec": space.nvec.tolist(),
            "start": space.start.tolist(),
            "dtype": str(space.dtype),
        }
    if isinstance(space, spaces.MultiBinary):
        return {"type": "MultiBinary", "n": space.n if isinstance(space.n, int) else list(space.n)}
    if isinstance(space, spaces.Dict):
        return {"type": "Dict", "spaces": {key: space_to_json(sub) for key, sub in space.items()}}
    raise ValueError(
        f"space {space} cannot be saved; it must be a Box, Discrete, MultiDiscrete, MultiBinary or "
        "a Dict of them"
    )


def space_from_json(data: dict[str, Json]) -> spaces.Space[Any]:
    """The space that :func:`space_to_json` described.

    :raises ValueError: if the description is of no known space, or a field is missing
    """
    try:
        match data["type"]:
            case "Box":
                shape, dtype = tuple(data["shape"]), np.dtype(data["dtype"])
                low = _bound_from_json(data["low"], shape, -np.inf)
                high = _bound_from_json(data["high"], shape, np.inf)
                return spaces.Box(low.astype(dtype), high.astype(dtype), shape, dtype.type)
            case "Discrete":
                return spaces.Discrete(data["n"], start=data["start"])
            case "MultiDiscrete":
                nvec, start = (np.array(data[name]) for name in ("nvec", "start"))
                return spaces.MultiDiscrete(nvec, np.dtype(data["dtype"]), start=start)
            case "MultiBinary":
                return spaces.MultiBinary(data["n"])
            case "Dict":
                # A list keeps the order, in which features are joined; a dict would be sorted
                return spaces.Dict([(k, space_from_json(v)) for k, v in data["spaces"].items()])
            case kind:
                raise ValueError(f"space type {kind!r} is unknown")
    except (KeyError, TypeError, AttributeError, AssertionError) as error:
        raise ValueError(f"space {data!r} is not a valid description: {error!r}") from error


def _bound_to_json(bound: npt.NDArray[Any]) -> Json:
    if (bound == bound.flat[0]).all():
        return None if np.isinf(bound.flat[0]) else bound.flat[0].item()
    values = bound.astype(object)
    values[np.isinf(bound)] = None
    return values.tolist()


def _bound_from_json(bound: Json, shape: tuple[int, ...], infinite: float) -> npt.NDArray[Any]:
    values = np.array(bound, dtype=object)
    return np.broadcast_to(np.where(values == None, infinite, values), shape)  # noqa: E711
