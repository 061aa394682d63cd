# The Python that requirements.lock was made and tested with.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY requirements.lock ./
# Every dependency has wheels, so there is no compiler here. pip itself has nothing to do in the image.
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --only-binary :all: --require-hashes --requirement requirements.lock \
 && /opt/venv/bin/pip uninstall --yes pip setuptools
COPY . .
# Compiled here: the user of the image cannot write into /app, and would compile at every start.
RUN /opt/venv/bin/python -m compileall -q /app /opt/venv

FROM python:${PYTHON}-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    COMFYDASH_WORKSPACE=/workspace
RUN useradd --uid 1000 --no-create-home --shell /usr/sbin/nologin comfydash \
 && install --directory --owner comfydash --group comfydash /workspace
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
USER comfydash
VOLUME /workspace
EXPOSE 8082
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD ["python", "-m", "comfydash.serve.probe"]
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0"]
