'use strict';
'require baseclass';

/*
 * What fields have in common: they accept what the service accepts (src/offload/config/choices/options.py), which is less
 * than LuCI's data types do, and keep what the file has until the user chooses something else.
 */

const ON = [ '1', 'on', 'true', 'yes' ];
const MOST_PACKETS = 1_000_000;
const MOST_HOURS = 8760; // a year

/** Makes a form option accept whole numbers only: LuCI's `range` accepts 1.5, and more leading zeros than the service. */
function whole(option, least, most) {
	const digits = String(most).length;

	option.datatype = `range(${least}, ${most})`;
	option.validate = (section_id, value) => value.length <= digits && /^\d*$/.test(value)
		|| _('a whole number of at most %d digits').format(digits);
}

return baseclass.extend({
	/** Whether a boolean of UCI is on, as the firewall and the service read it; any other word is off. */
	on: (value) => ON.includes(value),

	/** Whether a section has effect: not with `option enabled '0'`. */
	holds: (section) => section.enabled == null || ON.includes(section.enabled),

	/** A number of packets. */
	packets: (option) => whole(option, 0, MOST_PACKETS),

	/** A number of hours. */
	hours: (option) => whole(option, 1, MOST_HOURS),

	/** Adds the file's value to a select's choices if it is not one of them; otherwise any Save would remove it. */
	keep(option) {
		const load = option.load;

		option.load = async function(section_id) {
			const found = await load.call(this, section_id);
			const value = Array.isArray(found) ? found.join(' ') : found;

			if (value && !this.keylist.includes(value))
				this.value(value, _('%s (not valid)').format(value));

			return value;
		};
	},

	/** Lets a list refuse to be saved while its field has text that is not valid: LuCI would leave that text out, in silence. */
	finished(option) {
		const parse = option.parse;

		option.parse = function(section_id) {
			const field = this.map.findElement('id', this.cbid(section_id))?.querySelector('.add-item input.cbi-input-invalid');

			if (!field?.value || !this.isActive(section_id))
				return parse.call(this, section_id);

			field.focus();

			return Promise.reject(new TypeError(_('%s: "%s" is not valid').format(this.title, field.value)));
		};
	},

	/** Lets a form option write and remove nothing while its field shows what was loaded, though the file may spell it otherwise. */
	untouched(option) {
		const parse = option.parse;

		option.parse = function(section_id) {
			return this.formvalue(section_id) === this.cfgvalue(section_id) ? Promise.resolve() : parse.call(this, section_id);
		};
	}
});
