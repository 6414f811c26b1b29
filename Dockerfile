FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# No package needs its install script; the Node that npm brings for older machines is not needed here.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && rm -rf node_modules/node-linux-*

FROM node:24-slim
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=8080 \
    TRIBUTARY_DIR=/data
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY package.json package-lock.json ./
COPY bin bin
COPY drizzle drizzle
COPY mappings mappings
COPY connectors connectors
COPY src src
# `docker compose exec tributary tributary …` runs a command in the container.
RUN ln -s /app/bin/tributary.js /usr/local/bin/tributary && install -d -o node -g node /data
USER node
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((response) => process.exit(response.ok ? 0 : 1), () => process.exit(1))"]
# Without npm or a launcher in between, signals reach the program.
CMD ["node", "src/main.ts", "start"]
