"""The mutations of the watch: what it finds, what it counts once, and what it writes once."""

from tests.mutate.mutation import Mutation

_VERDICT = "pipeline/watch/judging/verdict.py"
_TESTS = ("tests/pipeline/watch/judging/test_verdict.py",)
_REQUESTS = ("tests/pipeline/watch/reading/test_requests.py",)
_LABELS = ("tests/pipeline/watch/reading/test_labels.py",)
_FEEDBACK = ("tests/pipeline/watch/feedback/test_feedback.py",)

WATCH = (
    Mutation(
        "Watch ignores moved columns",
        _VERDICT,
        "if column.skew and column.skew.exceeds(limit):",
        "if False:",
        _TESTS,
    ),
    Mutation(
        "Watch ignores emptied columns",
        _VERDICT,
        "if column.missing_moved.exceeds(limit):",
        "if False:",
        _TESTS,
    ),
    Mutation(
        "Watch ignores values that training never saw",
        _VERDICT,
        "if column.unseen is not None and column.unseen > limit:",
        "if False:",
        _TESTS,
    ),
    Mutation("Watch ignores moved predictions", _VERDICT, "if moved.exceeds(limit):", "if False:", _TESTS),
    Mutation(
        "Watch takes chance for a fall of quality",
        _VERDICT,
        "if quality and quality.sure_fall(level) > limit:",
        "if quality and quality.fall > limit:",
        _TESTS,
    ),
    Mutation(
        "Watch ignores broken, unknown and contradicted rows",
        _VERDICT,
        "if rows and count / rows > limit:",
        "if False:",
        _TESTS,
    ),
    Mutation(
        "Watch is quiet where nothing is known",
        _VERDICT,
        "return [*found, _nothing_known(window)]",
        "return found",
        _TESTS,
    ),
    Mutation(
        "Watch judges half a day as a whole one",
        _VERDICT,
        "if window.over or watch.judge_open]",
        "if True]",
        _TESTS,
    ),
    Mutation(
        "An alarm counts as a reason to retrain",
        _VERDICT,
        'return ALARM if "alarm" in kinds else RETRAIN if kinds else QUIET',
        "return RETRAIN if kinds else QUIET",
        _TESTS,
    ),
    Mutation(
        "Watch reads a growing file from its start",
        "pipeline/watch/reading/requests.py",
        "start if file.size >= size else 0",
        "0",
        _REQUESTS,
    ),
    Mutation(
        "Watch keeps the rows that come first",
        "pipeline/watch/reading/requests.py",
        'return int.from_bytes(hashlib.blake2b(place.encode(), digest_size=8).digest(), "big") >> 1',
        "return len(place)",
        _REQUESTS,
    ),
    Mutation(
        "Watch takes half a record of an open file for damage",
        "serving/request_log/following.py",
        "if file.closed:",
        "if True:",
        _REQUESTS,
    ),
    Mutation(
        "The last of two labels is believed",
        "pipeline/watch/reading/labels.py",
        "contradicted OR value != excluded.value",
        "0, value = excluded.value",
        _LABELS,
    ),
    Mutation(
        "Feedback writes labels that contradict each other",
        "pipeline/watch/feedback/rows.py",
        "WHERE NOT labels.contradicted AND rows.key",
        "WHERE rows.key",
        _FEEDBACK,
    ),
    Mutation(
        "Feedback loses the rows of a span that a kill prevented",
        "pipeline/watch/feedback/rows.py",
        "if Path(path).exists():",
        "if True:",
        _FEEDBACK,
    ),
)
