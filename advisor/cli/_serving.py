"""What `advisor estimate serving` shows: the speeds of a model on GPUs, and the latency of a hosted one."""

from typing import TYPE_CHECKING, Any

from advisor.cli._table import table
from advisor.cli.common import Options, emit, emit_json

if TYPE_CHECKING:
    from pricing.capacity import Fleet, Point
    from pricing.catalogue import Catalogue
    from pricing.entries import Model
    from pricing.servingrows import ReadServing


_ROW_FIELDS = ("params_b", "n_gpus", "tp", "engine", "quant", "kv_dtype", "input_len", "output_len", "concurrency")


def show_serving(options: Options, row: dict[str, Any], catalogue: "Catalogue", given: dict[str, Any]) -> None:
    """Estimates at the wanted concurrency, the curve over concurrency, and the replicas for a load."""
    from pricing.capacity import adapters_gib, best_within, curve, point, usual
    from pricing.estimates import serving_json
    from pricing.inference import speeds
    from pricing.servingrows import TYPICAL_PROMPT, read_serving

    fields = {name: value for name, value in given.items() if value is not None and name in _ROW_FIELDS}
    if given["retrieved_tokens"]:
        fields["input_len"] = (given["input_len"] or TYPICAL_PROMPT) + given["retrieved_tokens"]
    read = read_serving({**row, **fields}, catalogue, options.today)
    points = curve(read.setup, given["adapters"])
    chosen = point(read.setup, read.setup.batch or 1, given["adapters"])
    limit_ms = given["max_latency_ms"]
    best = best_within(points, limit_ms / 1000) if limit_ms else None
    full = best if limit_ms else chosen if given["concurrency"] else usual(points)
    fleet = _fleet(full, given)
    line = serving_json(read, speeds(read.setup))
    extra = adapters_gib(read.setup.dims, given["adapters"], given["adapter_rank"]) if given["adapters"] > 1 else 0.0
    if options.json:
        emit_json(
            {
                "v": 1,
                **line,
                "answer_ms": 1000 * chosen.answer_s,
                "curve": [_point_json(p) for p in points],
                "best_within_limit": _point_json(best) if best else None,
                "fleet": _fleet_json(fleet),
                "adapters_gib": extra or None,
            }
        )
        return
    _show_line(read, line, chosen)
    _show_curve(points)
    if limit_ms:
        emit(_limit_text(best, limit_ms))
    if extra:
        emit(f"{given['adapters']} adapters of rank {given['adapter_rank']} take {extra:.2f} GiB together")
    if fleet is not None and full is not None:
        emit(
            f"{fleet.replicas} replicas ({fleet.redundant} spare) of {full.batch} requests at a time: "
            f"{fleet.utilisation_at_peak:.0%} busy at the peak, {fleet.utilisation_on_average:.0%} on average"
        )


def _fleet(at: "Point | None", given: dict[str, Any]) -> "Fleet | None":
    """Replicas for the load; None without a load, or where no number of them keeps the limit."""
    from pricing.capacity import fleet

    average = given["requests_per_s"]
    if average is None or at is None:
        return None
    return fleet(average * given["peak_to_average"], average, at, redundant=given["redundant"])


def _fleet_json(fleet: "Fleet | None") -> dict[str, Any] | None:
    if fleet is None:
        return None
    return {
        "replicas": fleet.replicas,
        "redundant": fleet.redundant,
        "utilisation_at_peak": fleet.utilisation_at_peak,
        "utilisation_on_average": fleet.utilisation_on_average,
    }


def _point_json(point: "Point") -> dict[str, Any]:
    return {
        "concurrency": point.batch,
        "ttft_ms": 1000 * point.speeds.ttft_s,
        "tpot_ms": 1000 * point.speeds.tpot_s,
        "answer_ms": 1000 * point.answer_s,
        "output_tokens_per_s": point.speeds.output_tokens_per_s,
        "requests_per_s": point.requests_per_s,
    }


def _spread(value: dict[str, float]) -> str:
    return f"{value['p50']:.3g}  ({value['p10']:.3g} to {value['p90']:.3g})"


def _show_line(read: "ReadServing", line: dict[str, Any], chosen: "Point") -> None:
    setup = read.setup
    of = "of one request" if line["batch"] == 1 else f"of {line['batch']} requests together"
    gpus = f"{setup.n_gpus} x {setup.device.name}" if setup.n_gpus > 1 else setup.device.name
    emit(f"{gpus}, {setup.engine.value} engine, weights of {8 * setup.weight_bytes:.3g} bits")
    emit(f"first token    {_spread(line['ttft_ms'])} ms after {setup.input_len:.0f} prompt tokens, nobody before it")
    emit(f"each token     {_spread(line['tpot_ms'])} ms; an answer of {setup.output_len:.0f}: {chosen.answer_s:.3g} s")
    emit(f"output         {_spread(line['output_tokens_per_s'])} tokens a second {of}")
    emit(f"prefill        {_spread(line['prefill_tokens_per_s'])} tokens a second")
    emit(f"memory         {_spread(line['peak_memory_gib'])} GiB on each GPU: {line.get('fits', 'unknown')}")
    for text in read.assumed:
        emit(f"assumed        {text}")


def _show_curve(points: "list[Point]") -> None:
    rows = [
        (
            str(p.batch),
            f"{1000 * p.speeds.ttft_s:.0f}",
            f"{1000 * p.speeds.tpot_s:.1f}",
            f"{p.answer_s:.2f}",
            f"{p.speeds.output_tokens_per_s:.0f}",
            f"{p.requests_per_s:.2f}",
        )
        for p in points
    ]
    head = ("concurrent", "first token ms", "ms a token", "answer s", "tokens/s", "requests/s")
    emit(table(head, rows, frozenset(range(6))))


def _limit_text(best: "Point | None", limit_ms: float) -> str:
    if best is None:
        return f"not even one request is answered within {limit_ms:.0f} ms"
    return f"within {limit_ms:.0f} ms: {best.batch} concurrent, {best.requests_per_s:.2f} requests a second"


def show_hosted(options: Options, model: "Model", catalogue: "Catalogue", given: dict[str, Any]) -> None:
    """Median and 95th percentile of a hosted model's answer, from the catalogue's priors."""
    from pricing.hosted import RETRIEVAL_STEPS, cost_per_thousand_usd, hosted_answer

    tokens = float(given["output_len"] or 256)
    prompt = float(given["input_len"] or 256) + given["retrieved_tokens"]
    money = cost_per_thousand_usd(model, options.today, prompt, tokens)
    steps = tuple(RETRIEVAL_STEPS) if given["retrieval"] else ()
    found = hosted_answer(model, catalogue, options.today, tokens, steps)
    if options.json:
        emit_json(
            {
                "v": 1,
                "model": model.id,
                "ttft_ms": {"p50": _number(found.ttft_p50_ms), "p95": _number(found.ttft_p95_ms)},
                "output_tokens_per_s": _number(found.output_tokens_per_s),
                "retrieval_ms": found.retrieval_ms,
                "answer_ms": {"p50": found.answer_p50_ms, "p95": found.answer_p95_ms},
                "usd_per_1k_answers": money,
                "source": found.ttft_p50_ms.source.title if found.ttft_p50_ms else None,
            }
        )
        return
    if found.answer_p50_ms is None or found.answer_p95_ms is None:
        emit(f"{model.name}: its latency is unknown; measure it")
        return
    emit(f"{model.name}, {tokens:.0f} output tokens{' after retrieval' if steps else ''}")
    emit(f"answer      p50 {found.answer_p50_ms:,.0f} ms, p95 {found.answer_p95_ms:,.0f} ms")
    cost = "unknown" if money is None else f"${money:,.2f}"
    emit(f"cost        {cost} for 1,000 answers to prompts of {prompt:.0f} tokens, nothing cached")
    for name, value in (("first token p50", found.ttft_p50_ms), ("first token p95", found.ttft_p95_ms)):
        if value is not None:
            emit(f"{name:11} {value.number:,.0f} ms ({value.source.title}, {value.checked})")


def _number(value: Any) -> float | None:
    return None if value is None else value.number
