# The pack on top of Freqtrade's official image, at the release that pyproject.toml pins.
#
#   docker compose build                                        what docker-compose.yml runs
#   docker build --target check .                               the pack's tests, inside the image
#
# A tag can be moved, a digest cannot: docs/operations.md, "Pin the image", says how to fill
# FREQTRADE_DIGEST (@sha256:...) in .env, from where docker-compose.yml hands it over.
ARG FREQTRADE_DIGEST=""

FROM freqtradeorg/freqtrade:2026.9${FREQTRADE_DIGEST} AS build
USER 1000
WORKDIR /home/ftuser/pack
COPY --chown=1000:1000 requirements.lock ./
COPY --chown=1000:1000 scripts/locked.py ./scripts/
# What builds the wheel, by version and hash; none of it reaches the image that runs.
RUN python scripts/locked.py hatchling packaging pathspec pluggy trove-classifiers > build.txt \
  && pip install --user --no-cache-dir --no-deps --require-hashes -r build.txt
# What the pack needs and the official image lacks, by version and hash: plotly, for reports. The
# experiments need more (arch); they belong on a workstation.
RUN python scripts/locked.py plotly narwhals > missing.txt \
  && pip download --no-cache-dir --no-deps --require-hashes -d /tmp/wheels -r missing.txt
COPY --chown=1000:1000 pyproject.toml README.md LICENSE ./
COPY --chown=1000:1000 regimekit ./regimekit
COPY --chown=1000:1000 providers ./providers
COPY --chown=1000:1000 replay ./replay
COPY --chown=1000:1000 experiments ./experiments
COPY --chown=1000:1000 rehearsal ./rehearsal
COPY --chown=1000:1000 doctor ./doctor
COPY --chown=1000:1000 tuning ./tuning
RUN python -m hatchling build -t wheel -d /tmp/wheels

FROM freqtradeorg/freqtrade:2026.9${FREQTRADE_DIGEST} AS installed
USER 1000
# The official image brings a newer Python than the one the lock file was made for, and its own
# versions of the libraries that it has. That is why the stage `check` exists.
RUN --mount=type=bind,from=build,source=/tmp/wheels,target=/tmp/wheels \
  pip install --user --no-cache-dir --no-index --no-deps --ignore-requires-python /tmp/wheels/*.whl
# Owned by root: the bot reads what decides, and cannot write it even where the disk would let it.
COPY --chown=0:0 scripts /pack/scripts
COPY --chown=0:0 config /pack/config
COPY --chown=0:0 hyperopts /pack/hyperopts
COPY --chown=0:0 user_data/config.json /pack/user_data/config.json
COPY --chown=0:0 user_data/strategies /pack/user_data/strategies
# A strategy or recorder that cannot even be loaded here is no image.
RUN freqtrade list-strategies --one-column --userdir /freqtrade/user_data \
    --config /pack/user_data/config.json --strategy-path /pack/user_data/strategies \
    | grep --line-regexp --quiet RegimeRouter \
  && python -m providers record --help > /dev/null \
  && python /pack/scripts/health.py --help > /dev/null

FROM installed AS check
WORKDIR /home/ftuser/check
COPY --chown=1000:1000 . ./
RUN python scripts/locked.py pytest iniconfig pluggy packaging pygments pytest-xdist execnet \
    hypothesis sortedcontainers > check.txt \
  && pip install --user --no-cache-dir --no-deps --require-hashes -r check.txt \
  && python -m pytest -q -n 2 -m "not freqtrade and not verify" tests/regimekit tests/providers

FROM installed AS runtime
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /freqtrade
USER 1000
ENTRYPOINT ["freqtrade"]
CMD ["--help"]
