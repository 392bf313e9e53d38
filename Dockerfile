# One image for every process of a zone; which one it becomes is the command: `node run CONFIG`, `zone init`, `audit`, …
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE xinqiao.py ./
COPY connectors connectors
COPY crypto crypto
COPY gateway gateway
COPY nodes nodes
COPY protos protos
COPY scoring scoring
COPY simulators simulators
RUN python -m venv /opt/xinqiao \
    && /opt/xinqiao/bin/pip install --no-cache-dir --constraint constraints.txt '.[postgresql]'

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 xinqiao \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin xinqiao \
    && install --directory --owner xinqiao --group xinqiao --mode 0700 /zone
COPY --from=build /opt/xinqiao /opt/xinqiao
ENV PATH=/opt/xinqiao/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
ENTRYPOINT ["xinqiao"]
CMD ["--help"]
