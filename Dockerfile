# poster for pipelines that run containers: the base install, as nobody in particular.
#   docker build -t poster . && docker run --rm poster wait --help
FROM python:3.13-slim AS build
WORKDIR /source
COPY . .
RUN python -m venv /opt/poster && /opt/poster/bin/pip install --no-cache-dir .

FROM python:3.13-slim
COPY --from=build /opt/poster /opt/poster
RUN useradd --create-home --uid 10001 poster
USER poster
WORKDIR /home/poster
ENTRYPOINT ["/opt/poster/bin/poster"]
