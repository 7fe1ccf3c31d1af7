'use strict';
'require baseclass';
'require standin.map as parts';
'require standin.sections as sections';
'require standin.options as options';

/* Forms over UCI: a Map of sections with options. */

const { AbstractSection, NamedSection, TypedSection, TableSection, GridSection } = sections;
const { AbstractValue, Value, ListValue, Flag, DynamicList, DummyValue, SectionValue } = options;

return baseclass.extend({
	Map: parts.CBIMap, AbstractSection, AbstractValue, NamedSection, TypedSection, TableSection, GridSection,
	Value, ListValue, Flag, DynamicList, DummyValue, SectionValue
});
