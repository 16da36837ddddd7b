#!/usr/bin/python3
"""Where flite says each word, as flite itself knows it: the truth that word times are measured and learned by.

Reads a JSON list of {"voice", "text"} and writes, a line each, the rate, each word with when it is heard, and each sound ("phone") with its
place and its word's number (-1 for a pause), ms. With --sound, the samples too (base64, s16).
Needs flite's shared libraries, which ffmpeg's flite voice brings along.
"""

import base64
import ctypes
import json
import math
import sys

LIBRARIES = ("libflite.so.1", "libflite_usenglish.so.1", "libflite_cmulex.so.1")
STOPS = {"p", "t", "k", "b", "d", "g", "ch", "jh"}
"""Sounds that begin with a silence: heard is what breaks out of it."""
WORD = b"R:SylStructure.parent.parent.R:Token.parent"
STEP = 40
SPAN = 80


class Wave(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_char_p),
        ("rate", ctypes.c_int),
        ("count", ctypes.c_int),
        ("channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


def load() -> ctypes.CDLL:
    libraries = [ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL) for name in LIBRARIES]
    flite = libraries[0]
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    for name, result, arguments in (
        ("flite_synth_text", pointer, [text, pointer]),
        ("flite_text_to_wave", ctypes.POINTER(Wave), [text, pointer]),
        ("utt_relation", pointer, [pointer, text]),
        ("relation_head", pointer, [pointer]),
        ("item_next", pointer, [pointer]),
        ("path_to_item", pointer, [pointer, text]),
        ("ffeature_string", text, [pointer, text]),
        ("ffeature_float", ctypes.c_float, [pointer, text]),
        ("delete_utterance", None, [pointer]),
        ("delete_wave", None, [ctypes.POINTER(Wave)]),
    ):
        function = getattr(flite, name)
        function.restype, function.argtypes = result, arguments
    flite.flite_init()
    return flite


def voice_of(name: str) -> int:
    library = ctypes.CDLL(f"libflite_cmu_us_{name}.so.1", mode=ctypes.RTLD_GLOBAL)
    register = getattr(library, f"register_cmu_us_{name}")
    register.restype, register.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    return register(None)


def bursts(samples: list[int], start: int, end: int, usual: float) -> float:
    """Where within these samples it gets louder most steeply."""
    powers = []
    first = max(0, start - SPAN)
    for at in range(first, min(len(samples), end + 2 * SPAN) - SPAN, STEP):
        powers.append(math.log(sum(one * one for one in samples[at : at + SPAN]) / SPAN + 50))
    rises = [power - powers[at - 2] if at > 1 else 0.0 for at, power in enumerate(powers)]
    if not rises or max(rises) < 1:
        return usual
    return first + rises.index(max(rises)) * STEP


def said(flite: ctypes.CDLL, voice: int, text: str) -> dict[str, object]:
    wave = flite.flite_text_to_wave(text.encode(), voice)
    rate, samples = wave.contents.rate, wave.contents.samples[: wave.contents.count]
    flite.delete_wave(wave)
    utterance = flite.flite_synth_text(text.encode(), voice)
    words: list[list[object]] = []
    phones: list[list[object]] = []
    last, before = None, 0.0
    item = flite.relation_head(flite.utt_relation(utterance, b"Segment"))
    while item:
        name, end = flite.ffeature_string(item, b"name").decode(), flite.ffeature_float(item, b"end")
        token = flite.path_to_item(item, WORD) if name != "pau" else None
        if token and token != last:
            heard = before * rate
            if name in STOPS:
                heard = bursts(samples, round(before * rate), round(end * rate), heard)
            words.append([flite.ffeature_string(token, b"name").decode(), round(heard * 1000 / rate, 1)])
            last = token
        phones.append([name, round(before * 1000, 1), round(end * 1000, 1), len(words) - 1 if token else -1])
        before, item = end, flite.item_next(item)
    flite.delete_utterance(utterance)
    sound = b"".join(one.to_bytes(2, "little", signed=True) for one in samples) if "--sound" in sys.argv else b""
    return {"rate": rate, "words": words, "phones": phones, "sound": base64.b64encode(sound).decode()}


def main() -> None:
    flite = load()
    voices: dict[str, int] = {}
    for asked in json.load(sys.stdin):
        name = asked["voice"]
        if name not in voices:
            voices[name] = voice_of(name)
        print(json.dumps(said(flite, voices[name], asked["text"])), flush=True)


main()
