/** Describe calls in the shape an org answers with, as far as clients read it. */
import { OBJECTS, type SfField, type SfObject } from './objects.ts';

export function describeGlobal(base: string): object {
  return {
    encoding: 'UTF-8',
    maxBatchSize: 200,
    sobjects: [...OBJECTS.values()].map((object) => ({ ...facts(object), urls: urls(object, base) })),
  };
}

export function describeObject(object: SfObject, base: string): object {
  return {
    actionOverrides: [],
    childRelationships: [],
    ...facts(object),
    fields: [...object.fields.values()].map(describeField),
    namedLayoutInfos: [],
    recordTypeInfos: [],
    supportedScopes: [{ label: `All ${object.name}s`, name: 'everything' }],
    urls: urls(object, base),
  };
}

function facts(object: SfObject): object {
  const label =
    object.name === 'Product2' ? 'Product' : object.name === 'CampaignMember' ? 'Campaign Member' : object.name;
  return {
    ...{ activateable: false, createable: true, custom: false, customSetting: false, deletable: true },
    ...{
      deprecatedAndHidden: false,
      feedEnabled: true,
      keyPrefix: object.keyPrefix,
      label,
      labelPlural: `${label}s`.replace(/ys$/, 'ies'),
    },
    ...{ layoutable: true, mergeable: object.isMergeable, mruEnabled: true, name: object.name, queryable: true },
    ...{
      replicateable: true,
      retrieveable: true,
      searchable: true,
      triggerable: true,
      undeletable: true,
      updateable: true,
    },
  };
}

function urls(object: SfObject, base: string): object {
  const sobject = `${base}/sobjects/${object.name}`;
  return { sobject, describe: `${sobject}/describe`, rowTemplate: `${sobject}/{ID}` };
}

const SOAP: Readonly<Record<string, string>> = {
  id: 'tns:ID',
  reference: 'tns:ID',
  boolean: 'xsd:boolean',
  int: 'xsd:int',
  double: 'xsd:double',
  currency: 'xsd:double',
  percent: 'xsd:double',
  date: 'xsd:date',
  datetime: 'xsd:dateTime',
};

function describeField(field: SfField): object {
  const isNumber = ['double', 'currency', 'percent'].includes(field.type);
  const defaulted =
    ['Id', 'OwnerId', 'Status', 'CreatedDate', 'SystemModstamp'].includes(field.name) || field.type === 'boolean';
  return {
    ...{
      aggregatable: true,
      autoNumber: false,
      byteLength: field.length * 3,
      calculated: false,
      calculatedFormula: null,
    },
    ...{
      caseSensitive: false,
      createable: !field.isReadOnly && !field.isUpdateOnly,
      custom: field.name.endsWith('__c'),
      defaultValue: null,
    },
    ...{ defaultedOnCreate: defaulted, dependentPicklist: false, deprecatedAndHidden: false, digits: 0 },
    ...{
      encrypted: false,
      externalId: field.isExternalId,
      filterable: field.type !== 'textarea' || field.length <= 255,
    },
    ...{ groupable: field.type !== 'datetime', idLookup: field.name === 'Id' || field.isExternalId, label: field.name },
    ...{ length: field.length, name: field.name, nameField: field.name === 'Name' },
    ...{
      nillable: !field.isRequired && !field.isFilled && field.type !== 'boolean',
      permissionable: !field.isReadOnly,
    },
    ...{ picklistValues: [], precision: isNumber ? 18 : 0, referenceTo: field.to === null ? [] : [field.to] },
    ...{ relationshipName: field.to === null ? null : field.name.replace(/Id$/, ''), restrictedPicklist: false },
    ...{ scale: isNumber ? 2 : 0, soapType: SOAP[field.type] ?? 'xsd:string', sortable: true, type: field.type },
    ...{ unique: field.isExternalId, updateable: !field.isReadOnly && !field.isCreateOnly },
  };
}
