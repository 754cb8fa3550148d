"""PCRE itself, where the machine has it: the library that nginx uses, compiled and asked as nginx does."""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import cache

_CASELESS = 0x00000008
_ERROR_NO_MATCH = -1


class Refused(Exception):
    """PCRE does not compile the pattern, or gives up on the match."""


@cache
def _library() -> ctypes.CDLL | None:
    name = ctypes.util.find_library("pcre2-8")
    if name is None:
        return None
    library = ctypes.CDLL(name)
    library.pcre2_compile_8.restype = ctypes.c_void_p
    library.pcre2_compile_8.argtypes = [
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_size_t), ctypes.c_void_p,
    ]  # fmt: skip
    library.pcre2_match_data_create_from_pattern_8.restype = ctypes.c_void_p
    library.pcre2_match_data_create_from_pattern_8.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    library.pcre2_match_8.argtypes = [
        ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p,
    ]  # fmt: skip
    library.pcre2_get_ovector_pointer_8.restype = ctypes.POINTER(ctypes.c_size_t)
    library.pcre2_get_ovector_pointer_8.argtypes = [ctypes.c_void_p]
    library.pcre2_get_ovector_count_8.restype = ctypes.c_uint32
    library.pcre2_get_ovector_count_8.argtypes = [ctypes.c_void_p]
    library.pcre2_match_data_free_8.argtypes = [ctypes.c_void_p]
    library.pcre2_code_free_8.argtypes = [ctypes.c_void_p]
    return library


def available() -> bool:
    """Whether this machine has it."""
    return _library() is not None


def find(pattern: str, text: str, *, ignore_case: bool) -> dict[str, str] | None:
    """What the numbered groups hold; None where nothing matches.

    :raises Refused: as it says.
    """
    library = _library()
    assert library is not None
    code, subject = pattern.encode("utf-8", "surrogatepass"), text.encode("utf-8", "surrogatepass")
    error, offset = ctypes.c_int(), ctypes.c_size_t()
    flags = _CASELESS if ignore_case else 0
    compiled = library.pcre2_compile_8(code, len(code), flags, ctypes.byref(error), ctypes.byref(offset), None)
    if not compiled:
        raise Refused(f"error {error.value} at {offset.value}")
    data = library.pcre2_match_data_create_from_pattern_8(compiled, None)
    try:
        outcome = library.pcre2_match_8(compiled, subject, len(subject), 0, 0, data, None)
        if outcome == _ERROR_NO_MATCH:
            return None
        if outcome < 0:
            raise Refused(f"error {outcome}")
        places = library.pcre2_get_ovector_pointer_8(data)
        unset = ctypes.c_size_t(-1).value
        groups = {}
        for number in range(1, library.pcre2_get_ovector_count_8(data)):
            start, end = places[2 * number], places[2 * number + 1]
            groups[str(number)] = "" if start == unset else subject[start:end].decode("utf-8", "replace")
        return groups
    finally:
        library.pcre2_match_data_free_8(data)
        library.pcre2_code_free_8(compiled)
