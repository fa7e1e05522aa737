# One image for every process; PORTAL_PROCESS says which one a container is.
FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /portal
RUN python -m venv /opt/venv
COPY requirements/base.txt requirements/base.txt
RUN /opt/venv/bin/pip install --require-hashes --only-binary :all: -r requirements/base.txt
COPY manage.py pyproject.toml ./
COPY studyportal studyportal
COPY participants participants
COPY sessions sessions
COPY ratings ratings
COPY deploy/health.py deploy/health.py
RUN /opt/venv/bin/python manage.py assets --check \
    && DJANGO_SETTINGS_MODULE=studyportal.settings.build /opt/venv/bin/python manage.py collectstatic --no-input \
    && /opt/venv/bin/python -m compileall -q studyportal participants sessions ratings

FROM python:3.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    DJANGO_SETTINGS_MODULE=studyportal.settings.prod \
    PORTAL_DATA=/tmp/portal
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin portal
COPY --from=build /opt/venv /opt/venv
COPY --from=build /portal /portal
WORKDIR /portal
USER 10001:10001
EXPOSE 8000
CMD ["gunicorn", "studyportal.wsgi:application", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", \
     "--workers", "2", "--threads", "4", "--reuse-port", "--no-control-socket", "--worker-tmp-dir", "/dev/shm", "--log-level", "warning"]
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "deploy/health.py"]
