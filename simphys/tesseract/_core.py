"""What is taken from tesseract-core, which need not be installed."""

from typing import Any


def runtime() -> Any:
    """Return `tesseract_core.runtime`; raise `ImportError` with what to install."""
    try:
        import tesseract_core.runtime as found  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ImportError("Tesseracts need tesseract-core: pip install simphys[tesseract].") from error
    return found


def differentiable(schema) -> dict[tuple, Any]:
    """Return the paths of a schema's differentiable arrays, with the type that each is declared by."""
    runtime()
    from tesseract_core.runtime.schema_generation import (  # pyright: ignore[reportMissingImports]
        get_all_model_path_patterns,
        is_differentiable,
    )

    return get_all_model_path_patterns(schema, filter_fn=is_differentiable)
