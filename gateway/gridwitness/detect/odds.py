"""From a statistic to log-odds and a probability that may be read as one.

Bayes factor of a load of unknown size (half-normal, σ = 5 % of the rating) against none, for T = mean residual / its standard deviation:

    ln BF = T²·κ/(2(1+κ)) − ½·ln(1+κ) + ln 2,   κ = (σ_D/sd)²

less ln(number of windows looked at), because the best of many is always large. Ceilings keep it honest: no model is so right that
it excludes its own failure at more than ``MODEL_LLR``; where an instrument alone could explain it, the evidence is worth no more
than the rarity of such an instrument; a crossing of the lower threshold alone is no more than a hint.
Kass & Raftery (1995), JASA 90(430).
"""

from __future__ import annotations

import math

from gridwitness.domain.finding import Contribution, Prior

PRIOR = Prior(math.log(0.01 / 0.99), "default 1 %")
SIZE = 0.05
MODEL_LLR = 11.5
INSTRUMENT_LLR = 3.0
WATCH_LLR = 4.0
CEILINGS = {"model_may_be_wrong": MODEL_LLR, "an_instrument_alone_could": INSTRUMENT_LLR, "only_a_hint": WATCH_LLR}


def weigh(
    statistic: str, value: float, threshold: float, sd_w: float, rated_w: float, looks: float, ceiling: str
) -> tuple[Contribution, ...]:
    """The contributions of one balance statistic; their ``llr`` sum to the finding's. ``ceiling`` names one of ``CEILINGS``."""
    kappa = (SIZE * rated_w / max(sd_w, 1e-9)) ** 2
    raw = value**2 / 2 * kappa / (1 + kappa) - 0.5 * math.log1p(kappa) + math.log(2)
    penalty = -math.log(max(1.0, looks))
    most = CEILINGS[ceiling]
    parts = [
        Contribution("bus_balance", statistic, value, threshold, raw),
        Contribution("bus_balance", "windows_looked_at", looks, None, penalty),
    ]
    if raw + penalty > most:
        parts.append(Contribution("bus_balance", ceiling, most, None, most - raw - penalty))
    return tuple(parts)


def confidence(llr: float) -> float:
    """Posterior probability at the prior."""
    return 1 / (1 + math.exp(-(PRIOR.log_odds + llr)))
