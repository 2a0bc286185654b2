# The image of every Moodreel service. `docker compose build` makes it from this checkout; docs/howto/run-a-fleet.md.
#
# Debian packages: none. Every library in the wheels brings its own, except libc, libstdc++, libgcc and zlib, which the
# slim image has (opencv-python-headless needs no libGL).

# The Python and the Debian that the tests run on.
FROM python:3.11.15-slim-bookworm AS python

FROM python AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY jobs jobs
COPY workers workers
COPY db db
COPY tests/services tests/services
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /dist .
# Wheels only: there is no compiler here, and none is wanted. The environment gets no pip of its own.
RUN python -m venv --without-pip /opt/moodreel \
    && set -- /dist/*.whl \
    && pip --python /opt/moodreel/bin/python install --no-cache-dir --only-binary=:all: "moodreel[fleet,rekognition,s3,serve] @ file://$1"

FROM build AS build-flower
RUN pip --python /opt/moodreel/bin/python install --no-cache-dir --only-binary=:all: "flower>=2,<3"

FROM python AS runtime
# A number no other account is likely to have. Any other works too (RUN_AS of the compose file): nothing is owned by it.
# /cache is where MOODREEL_CACHE may be put: a new volume there takes over its mode.
RUN groupadd --gid 10001 moodreel \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin moodreel \
    && mkdir --mode=1777 /cache
ENV PATH=/opt/moodreel/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# Not where media lie: a moodreel.toml in the working folder is read as settings.
WORKDIR /
USER 10001:10001

FROM runtime AS flower
COPY --from=build-flower /opt/moodreel /opt/moodreel
ENTRYPOINT ["celery", "-A", "workers.app", "flower"]

# The last one is what a plain `docker build .` makes.
FROM runtime AS moodreel
COPY --from=build /opt/moodreel /opt/moodreel
ENTRYPOINT ["moodreel"]
CMD ["--help"]
