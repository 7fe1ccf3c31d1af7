'use strict';
'require baseclass';
'require rpc';

/* Of LuCI's module fs what the page uses: to run a program that the login may run. */

const exec = rpc.declare({ object: 'file', method: 'exec', params: [ 'command', 'params', 'env' ], reject: true });

return baseclass.extend({
	exec: (command, params) => exec(command, params, null)
});
