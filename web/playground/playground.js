'use strict';
// Mounts GraphiQL with a fetcher of our own: queries and mutations by POST, files by multipart,
// subscriptions by graphql-transport-ws. Words in double braces in the variables are filled in:
// {{uuid}} is new every time, {{order}}, {{payment}} and their like are the last ids seen in answers.
(function () {
  const seen = {};
  const prefixes = {
    usr: 'user', prd: 'product', ord: 'order', pay: 'payment',
    ver: 'verification', rec: 'reconciliation', dsc: 'discrepancy',
  };

  // remember notes the ids of an answer, the newest of each kind.
  function remember(value) {
    if (typeof value === 'string') {
      const match = /^([a-z]{3})_[0-9a-z]{26}$/.exec(value);
      const name = match && prefixes[match[1]];
      if (!name || seen[name] === value) return;
      if (name === 'product') seen.product2 = seen.product;
      seen[name] = value;
    } else if (Array.isArray(value)) {
      value.forEach(remember);
    } else if (value && typeof value === 'object') {
      if (typeof value.planHash === 'string') seen.planHash = value.planHash;
      Object.values(value).forEach(remember);
    }
  }

  // fill replaces words in double braces; one that was not seen yet stays.
  function fill(value) {
    if (typeof value === 'string') {
      return value.replace(/\{\{(\w+)\}\}/g, (word, name) => (name === 'uuid' ? uuid() : seen[name] || word));
    }
    if (Array.isArray(value)) return value.map(fill);
    if (value && typeof value === 'object') {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner)]));
    }
    return value;
  }

  // uuid works on plain http too, where crypto.randomUUID is missing.
  function uuid() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
  }

  // takeFile removes a file written as {"name": …, "text": …} from the variables.
  function takeFile(variables) {
    const file = variables && variables.input && variables.input.file;
    if (!file || typeof file.text !== 'string') return null;
    variables.input.file = null;
    return new File([file.text], file.name || 'file');
  }

  async function post(params) {
    const file = takeFile(params.variables);
    let body = JSON.stringify(params);
    const headers = { Accept: 'application/graphql-response+json, application/json;q=0.9' };
    if (file) {
      const form = new FormData();
      form.append('operations', body);
      form.append('map', '{"0": ["variables.input.file"]}');
      form.append('0', file);
      body = form;
      headers['GraphQL-Preflight'] = '1';
    } else {
      headers['Content-Type'] = 'application/json';
    }
    const response = await fetch('/graphql', { method: 'POST', credentials: 'same-origin', headers, body });
    const answer = await response.json();
    remember(answer.data);
    return answer;
  }

  // subscribe opens a WebSocket for one subscription.
  function subscribe(params) {
    return {
      subscribe(observer) {
        const url = location.origin.replace(/^http/, 'ws') + '/graphql';
        const socket = new WebSocket(url, 'graphql-transport-ws');
        const send = (message) => socket.send(JSON.stringify(message));
        let done = false;
        socket.onopen = () => send({ type: 'connection_init' });
        socket.onmessage = (event) => {
          const message = JSON.parse(event.data);
          if (message.type === 'connection_ack') send({ type: 'subscribe', id: '1', payload: params });
          if (message.type === 'ping') send({ type: 'pong' });
          if (message.type === 'next') {
            remember(message.payload.data);
            observer.next(message.payload);
          }
          if (message.type === 'error') {
            done = true;
            observer.next({ errors: message.payload });
            observer.complete();
            socket.close(1000);
          }
          if (message.type === 'complete') {
            done = true;
            observer.complete();
            socket.close(1000);
          }
        };
        socket.onclose = (event) => {
          if (!done) observer.error(new Error('The connection ended: ' + event.code + ' ' + event.reason));
        };
        return {
          unsubscribe() {
            done = true;
            socket.close(1000);
          },
        };
      },
    };
  }

  // operation finds what is to run. The name that GraphiQL hands over may still be the last tab's:
  // it counts only where the document has several operations.
  function operation(query, name) {
    const all = GraphiQL.GraphQL.parse(query).definitions.filter((d) => d.kind === 'OperationDefinition');
    return all.length === 1 ? all[0] : all.find((d) => d.name && d.name.value === name);
  }

  function fetcher(params) {
    const wanted = operation(params.query, params.operationName);
    const request = { query: params.query, variables: fill(params.variables || {}) };
    if (wanted && wanted.name) request.operationName = wanted.name.value;
    return wanted && wanted.operation === 'subscription' ? subscribe(request) : post(request);
  }

  const root = ReactDOM.createRoot(document.getElementById('graphiql'));
  root.render(
    React.createElement(GraphiQL, {
      fetcher,
      defaultTabs: window.walk,
      defaultEditorToolsVisibility: 'variables',
      isHeadersEditorEnabled: false,
      plugins: [GraphiQLPluginExplorer.explorerPlugin()],
    }),
  );
})();
