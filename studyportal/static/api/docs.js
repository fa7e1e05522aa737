// Swagger UI from our own files: no inline script, no outside validator, no stored token.
const place = document.getElementById('swagger');

// The page has its own heading and main landmark, so the layout is the operations and the key, nothing else.
const layout = ({ React }) => ({
  components: {
    PortalLayout: ({ getComponent, specSelectors, errSelectors }) => {
      const part = (name) => React.createElement(getComponent(name, true));
      if (specSelectors.loadingStatus() !== 'success') {
        return React.createElement('p', null, errSelectors.lastError() ? 'The description could not be read.' : 'Loading');
      }
      return React.createElement(
        'div', { className: 'swagger-ui' }, part('SvgAssets'),
        React.createElement('div', { className: 'scheme-container' }, part('AuthorizeBtnContainer')), part('operations'),
      );
    },
  },
});

// Swagger UI leaves its selects without a name, and its scrolling answers out of the keyboard's reach.
new MutationObserver(() => {
  place.querySelectorAll('tr[data-param-name] select:not([aria-label])').forEach((select) => {
    select.setAttribute('aria-label', select.closest('tr').dataset.paramName);
  });
  place.querySelectorAll('.highlight-code > pre:not([tabindex])').forEach((answer) => { answer.tabIndex = 0; });
}).observe(place, { childList: true, subtree: true });

window.SwaggerUIBundle({
  url: place.dataset.schema,
  domNode: place,
  plugins: [layout],
  layout: 'PortalLayout',
  deepLinking: false,
  docExpansion: 'list',
  defaultModelsExpandDepth: -1,
  persistAuthorization: false,
  validatorUrl: null,
  supportedSubmitMethods: ['get'],
});
