// Swagger UI from our own files: no inline script, no outside validator, no stored token.
const place = document.getElementById('swagger');
window.SwaggerUIBundle({
  url: place.dataset.schema,
  domNode: place,
  deepLinking: false,
  docExpansion: 'list',
  defaultModelsExpandDepth: -1,
  persistAuthorization: false,
  validatorUrl: null,
  supportedSubmitMethods: ['get'],
});
