# syntax=docker/dockerfile:1

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY config config
COPY src src
# Cargo wants to see the bench that Cargo.toml names.
COPY benches benches
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --profile dist --locked --bin lakewire \
    && install -D target/dist/lakewire /out/lakewire

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /srv/lakewire --shell /usr/sbin/nologin lakewire \
    && install --directory --owner lakewire --group lakewire /srv/lakewire/lake /srv/lakewire/data
COPY --from=build /out/lakewire /usr/local/bin/lakewire
# Settings, models and data are looked for beside the working directory.
WORKDIR /srv/lakewire
COPY config config
COPY sql sql
USER lakewire
# config/production.toml listens on all addresses, so LAKEWIRE__SERVER__PASSWORD has to be set.
ENV LAKEWIRE_ENV=production
EXPOSE 5433
VOLUME ["/srv/lakewire/lake"]
# Clients can connect; says nothing about the store.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/5433"]
ENTRYPOINT ["lakewire"]
CMD ["serve"]
