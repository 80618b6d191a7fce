"""Microseconds of what a text costs: extraction, variants, corrections, and a vocabulary that grows and shrinks.

Every call is timed by itself and every sample is kept; what a call needs is made before the clock starts. Caches that
answer a repeated question (normal forms) are warm, as they are in a running process; variants are never cached.
"""

import gc
import os
import random
import time
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from matching.alignment import align
from matching.dictionary import Dictionary
from matching.extraction import MIN_KEYWORD_CHARACTERS, Extractor
from matching.normalisation import MAX_KEYWORD_CHARACTERS, normalise
from matching.synonyms import Synonyms
from matching.taxonomy import builtin_taxonomy
from matching.variants import variants
from matching.vocabulary import Vocabulary

SEED = 20_260_101
QUESTIONS = 4_000
TEXTS = 1_000
TEXT_CHARACTERS = 100
PROFILES = 4_000
KEYWORDS_A_PROFILE = 12
MOST_WORDS = 100_000


@dataclass(frozen=True, slots=True)
class Timing:
    """One operation: microseconds of every call, in the order of the calls.

    ``cpu_mean_us`` is what the thread itself worked a call: on a busy machine the samples hold the work of others too.
    """

    operation: str
    samples_us: tuple[float, ...]
    cpu_mean_us: float

    @property
    def median_us(self) -> float:
        """Return the middle sample."""
        return sorted(self.samples_us)[len(self.samples_us) // 2]

    @property
    def mean_us(self) -> float:
        """Return the mean of all samples."""
        return sum(self.samples_us) / len(self.samples_us)

    @property
    def p99_us(self) -> float:
        """Return the sample that 99 of 100 do not exceed."""
        return sorted(self.samples_us)[len(self.samples_us) * 99 // 100]


@dataclass(frozen=True, slots=True)
class Speed:
    """Timings over a vocabulary of ``words`` words; its memory with the index of corrections, in bytes.

    ``load_average`` is of the minute before.
    """

    words: int
    load_average: float
    build_s: float
    index_corrections_s: float
    vocabulary_bytes: int
    timings: tuple[Timing, ...]


def measure_speed(words: Sequence[str], texts: Sequence[str], synonyms: Synonyms) -> Speed:
    """Measure over a vocabulary of ``words`` (normalised) and texts that are cut to 100 characters each."""
    draw = random.Random(SEED)
    load_average = os.getloadavg()[0]
    tracemalloc.start()
    measured = Vocabulary(synonyms)
    measured.add(words)
    measured.corrections.latin("warm")
    vocabulary_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del measured
    vocabulary = Vocabulary(synonyms)
    build_s = _seconds(lambda: vocabulary.add(words))
    index_corrections_s = _seconds(lambda: vocabulary.corrections.latin("warm"))
    timings = [*_of_keywords(words, vocabulary, draw), *_of_texts(texts, vocabulary, draw)]
    timings += _of_changes(words, vocabulary, draw)
    return Speed(len(vocabulary), load_average, build_s, index_corrections_s, vocabulary_bytes, tuple(timings))


def words_of(terms: Iterable[str]) -> list[str]:
    """Return normalised terms with their sub-terms, each once, 100 thousand at most."""
    words = dict.fromkeys(word for term in terms if 0 < len(word := normalise(term)) <= MAX_KEYWORD_CHARACTERS)
    known = Vocabulary()
    known.add(words)
    for word in list(words):
        words.update(dict.fromkeys(known.compounds.subterms(word, known.holds)))
    return list(words)[:MOST_WORDS]


def _of_keywords(words: Sequence[str], vocabulary: Vocabulary, draw: random.Random) -> list[Timing]:
    known = draw.sample(words, min(len(words), QUESTIONS))
    slips = [slip for word in known if (slip := _with_a_slip(word, draw)) and not vocabulary.holds(slip)]
    latin = [slip for slip in slips if slip.isascii()]
    chinese = [slip for slip in slips if not slip.isascii()]
    mixed = known[: len(slips)] + slips
    draw.shuffle(mixed)
    return [
        _timed("variants, half known words and half slips", lambda word: variants(word, vocabulary), mixed),
        _timed("variants of a known word", lambda word: variants(word, vocabulary), known),
        _timed("variants of a Latin slip", lambda word: variants(word, vocabulary), latin),
        _timed("variants of a Chinese slip", lambda word: variants(word, vocabulary), chinese),
        _timed("candidates for a Latin slip", vocabulary.corrections.latin, latin),
        _timed("candidates for a Chinese slip", vocabulary.corrections.chinese, chinese),
        _timed("sub-terms of a word", lambda word: vocabulary.compounds.subterms(word, vocabulary.holds), known),
    ]


def _of_texts(texts: Sequence[str], vocabulary: Vocabulary, draw: random.Random) -> list[Timing]:
    long = [text[:TEXT_CHARACTERS] for text in texts if len(text) >= TEXT_CHARACTERS]
    chosen = draw.sample(long, min(len(long), TEXTS))
    titles = draw.sample(list(texts), min(len(texts), TEXTS))
    extractor = Extractor(vocabulary, builtin_taxonomy())
    dictionary = Dictionary((), vocabulary, MIN_KEYWORD_CHARACTERS)
    extractor.extract("warm")
    dictionary.find("warm")
    aligned = [align(text).normal for text in chosen]
    return [
        _timed("normalising 100 characters, places kept", align, chosen),
        _timed("finding known words in 100 characters", dictionary.find, aligned),
        _timed("extraction of an order's 100 characters", extractor.extract, chosen),
        _timed("keywords of a profile's 100 characters", lambda text: extractor.keywords(text, 64), chosen),
        _timed("extraction of a whole text", extractor.extract, titles),
    ]


def _of_changes(words: Sequence[str], vocabulary: Vocabulary, draw: random.Random) -> list[Timing]:
    profiles = [draw.sample(words, KEYWORDS_A_PROFILE) for _ in range(PROFILES)]
    new = [(f"{word}{number}",) for number, word in enumerate(draw.sample(words, PROFILES))]
    extractor = Extractor(vocabulary, builtin_taxonomy())
    extractor.extract("warm")

    def grown(keywords: Iterable[str]) -> None:
        vocabulary.add(keywords)
        extractor.extract("招聘电工")

    return [
        _timed("adding a profile of 12 known words", vocabulary.add, profiles),
        _timed("removing a profile of 12 known words", vocabulary.remove, profiles),
        _timed("a new word, until the next text knows it", grown, new),
        _timed("forgetting a word", vocabulary.remove, new),
    ]


def _timed(operation: str, call: Callable[[Any], object], arguments: Sequence[Any]) -> Timing:
    samples: list[float] = []
    clock = time.perf_counter_ns
    gc.collect()
    gc.disable()
    try:
        worked_ns = time.thread_time_ns()
        for argument in arguments:
            began = clock()
            call(argument)
            samples.append((clock() - began) / 1_000)
        worked_ns = time.thread_time_ns() - worked_ns
    finally:
        gc.enable()
    return Timing(operation, tuple(samples), worked_ns / 1_000 / len(samples))


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _with_a_slip(word: str, draw: random.Random) -> str:
    """Return the word with a letter left out or a Chinese character of the same sound, "" if none can be made."""
    if word.isascii():
        place = draw.randrange(len(word))
        return word[:place] + word[place + 1 :] if word.isalpha() and len(word) > 4 else ""
    for place in draw.sample(range(len(word)), len(word)):
        if other := _HOMOPHONES.get(word[place]):
            return word[:place] + other + word[place + 1 :]
    return ""


_PAIRS = (
    "工公 员园 师施 手守 经精 理里 机鸡 电店 技计 术树 管馆 设社 销消 售受 服福 务物 程成 "
    "动洞 化话 生声 产铲 车扯 修休 装庄 制志"
)
_HOMOPHONES = {pair[0]: pair[1] for pair in _PAIRS.split()}
