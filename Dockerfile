# The tool alone: docker build -t proxycfg . && docker run --rm -v "$PWD:/work:ro" proxycfg lint .
ARG PYTHON=python:3.13-slim
FROM ${PYTHON} AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY proxycfg proxycfg
COPY templates templates
RUN python3 -m venv /opt/proxycfg && /opt/proxycfg/bin/pip install --no-cache-dir --disable-pip-version-check .

FROM ${PYTHON}
COPY --from=build /opt/proxycfg /opt/proxycfg
ENV PATH=/opt/proxycfg/bin:$PATH PYTHONDONTWRITEBYTECODE=1
# It reads what it is given and writes what it is told to; nothing of that takes root.
USER 65534:65534
WORKDIR /work
ENTRYPOINT ["proxycfg"]
CMD ["--help"]
