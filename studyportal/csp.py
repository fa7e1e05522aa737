"""The Content-Security-Policy of chart pages: the strict one, and what Plotly 4.1.1 measurably needs."""

from csp.constants import SELF
from csp.decorators import csp_update

EMPTY = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"

chart_page = csp_update(
    {
        "style-src-elem": [SELF, EMPTY],
        "style-src-attr": [
            "'unsafe-hashes'",
            EMPTY,
            "'sha256-AR/cKIZjWPcPmBUPDA6oti9XBiTbJvz0Cro2J1VzzS8='",
            "'sha256-ji27qzEtxXZW+7dun6UwjHXJ18e6WAin1VvNtkzIE/o='",
        ],
        "img-src": ["blob:"],
    }
)

# Swagger UI sets styles through the DOM only; its empty style element and its data: icons are all it needs beyond.
swagger_page = csp_update({"style-src": [EMPTY]})
